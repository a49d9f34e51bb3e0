// Preact, with templates instead of a build step: `html` makes elements of what a page looks like.
import { Component, h, render } from "preact";
import htm from "htm";

export const html = htm.bind(h);
export { Component, render };
export { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
