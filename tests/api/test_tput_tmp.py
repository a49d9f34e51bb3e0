import asyncio, time, sys
import pytest
from tests.api.serving import serving, log_called
from tests.api.test_webhooks import HERE, PATH
from tests.commands import strike
from tests.webhooks.receiving import receiving
async def test_tput(server):
    async with log_called("tput", server) as access, serving(access, settings=HERE) as s:
        await s.bulk(*(strike() for _ in range(3000)))
        await s.settled()
        async with receiving() as r:
            t=time.time()
            assert (await s.post({"url": r.url, "after": 0}, path=PATH)).status==201
            await r.until(3000)
            print("WEBHOOK", 3000/(time.time()-t), "per s")
            # latency
            lat=[]
            for _ in range(50):
                n=len(r.took); t=time.time(); await s.add(strike()); 
                await r.until(n+1); lat.append(time.time()-t)
            print("LAT", sorted(lat)[25], sorted(lat)[47])
