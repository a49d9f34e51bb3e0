import asyncio, time, itertools, string, orjson, io, resource
from tests.api.serving import NDJSON, make_key
from tests.commands import strike, retraction
async def test_cpu(service):
    keys=["".join(k) for k in itertools.islice(itertools.product(string.ascii_letters, repeat=3), 28000)]
    line=orjson.dumps(strike()|{k:0 for k in keys})
    body=b"\n".join([line]*(60*1024*1024//len(line)))
    longest=0.0
    async def ping():
        nonlocal longest
        while True:
            s=time.perf_counter(); await service.get("/livez"); longest=max(longest,time.perf_counter()-s); await asyncio.sleep(0.01)
    t=asyncio.create_task(ping())
    s=time.perf_counter()
    async with service.session.post(service.url+"/v1/events/bulk", data=io.BytesIO(body), headers={"Authorization":f"Bearer {service.key}","Content-Type":NDJSON}) as r:
        raw=await r.read()
    print("CPU", len(line), r.status, len(raw), f"{time.perf_counter()-s:.1f}s longest pause {longest:.2f}", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss//1024, "MB")
    t.cancel()
async def test_good(service):
    body=b"\n".join(orjson.dumps(strike()) for _ in range(100_000))
    longest=0.0
    async def ping():
        nonlocal longest
        while True:
            s=time.perf_counter(); await service.get("/livez"); longest=max(longest,time.perf_counter()-s); await asyncio.sleep(0.01)
    t=asyncio.create_task(ping())
    s=time.perf_counter()
    async with service.session.post(service.url+"/v1/events/bulk", data=io.BytesIO(body), headers={"Authorization":f"Bearer {service.key}","Content-Type":NDJSON}, timeout=120) as r:
        raw=await r.read()
    print("CPU good", len(body), r.status, raw, f"{time.perf_counter()-s:.1f}s longest pause {longest:.2f}", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss//1024, "MB")
    t.cancel()
async def test_scope(service):
    await make_key(service.access,"r","r-key-for-testing", scopes=("read","report"))
    e=strike(tlp="RED"); await service.add(e)
    a=await service.by("r-key-for-testing").post(retraction(e["id"]))
    print("CPU scope", a.status, a.raw)
