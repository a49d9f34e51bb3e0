// What places are called for the reader.
import { lang, t } from "./words.js";

let names = {}; // by place id
/** The names of places in the reader's language, by their ids; those without one keep the gazetteer's. */
export async function readNames() {
  const told = await (await fetch(new URL("texts/places.json", import.meta.url))).json();
  names = told[lang()] ?? {};
}

const region = (code) => names[code] ?? null;

/** A place by its row: {place, name, admin1, country}. */
export function placeName({ place, name, admin1, country }) {
  if (place) return names[place] ?? name ?? place.replace(/^name:/, "");
  if (admin1) return region(admin1) ?? name ?? admin1;
  if (country) return new Intl.DisplayNames(lang(), { type: "region" }).of(country);
  return t("place.nowhere");
}
