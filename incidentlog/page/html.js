// Preact, with templates instead of a build step: `html` makes elements of what a page looks like.
import { Component, createContext, h, render } from "preact";
import htm from "htm";

export const html = htm.bind(h);
export { Component, createContext, render };
export { useContext, useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";

/** A part of the page that fails alone: what is around it stays. */
export class Part extends Component {
  state = { fault: null };
  componentDidCatch(fault) {
    console.error(fault);
    this.setState({ fault });
  }
  render({ children }, { fault }) { return fault === null ? children : html`<p class="note bad">${fault.message}</p>`; }
}
