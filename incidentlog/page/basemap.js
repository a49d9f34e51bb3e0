// The operator's base map: square pictures in Web Mercator, which is the projection of the map, so that they lie beneath it as they are.

const TILE = 256; // units of the drawing that a picture is made for
const NORTH = 85.0511287798; // degrees: where the square world of Web Mercator ends

/** {tiles, attribution, zooms}, or null where the operator has brought none. */
export async function readBasemap() {
  try {
    const told = await (await fetch(new URL("../basemap", import.meta.url), { credentials: "omit" })).json();
    if (!told.tiles) return null;
    return { ...told, tiles: told.tiles.includes("://") ? told.tiles : new URL("..", import.meta.url).href + told.tiles };
  } catch {
    return null; // without it the land is drawn
  }
}

/** The pictures that lie under a drawing of `wide` by `tall`: [{href, x, y, size}]; none where it has none for so wide a view. */
export function tilesOf({ tiles, zooms: [least, deepest] }, projection, wide, tall) {
  const world = 2 * Math.PI * projection.scale();
  const wanted = Math.round(Math.log2(world / TILE));
  if (wanted < least - 1) return []; // it would take hundreds of its pictures to fill the drawing
  const z = Math.max(least, Math.min(deepest, wanted));
  const n = 2 ** z, size = world / n;
  const [west, north] = [projection([-180, 0])[0], projection([0, NORTH])[1]];
  const among = (from, to) => [Math.max(0, Math.floor(from / size)), Math.min(n - 1, Math.floor(to / size))];
  const [[left, right], [top, bottom]] = [among(-west, wide - west), among(-north, tall - north)];
  const found = [];
  for (let row = top; row <= bottom; row += 1) {
    for (let column = left; column <= right; column += 1) {
      const href = tiles.replace("{z}", z).replace("{x}", column).replace("{y}", row);
      found.push({ href, x: west + column * size, y: north + row * size, size: size + 0.4 }); // no seam between two
    }
  }
  return found;
}
