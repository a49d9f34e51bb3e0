// What places are called for the reader.
import { lang, t } from "./words.js";

let names = {}; // by language and place id
/** The names of places in each language, by their ids; those without one keep the gazetteer's. */
export async function readNames() {
  names = await (await fetch(new URL("texts/places.json", import.meta.url))).json();
}

const called = (id) => names[lang()]?.[id];

const heard = new Map(); // what the log called a place when it was shown, for where it is only named

/** A place by its row: {place, name, admin1, country}. One that was shown before is known by its id alone. */
export function placeName({ place, name, admin1, country }) {
  if (place && name) heard.set(place, name);
  if (place) return called(place) ?? name ?? heard.get(place) ?? place.replace(/^name:/, "");
  if (admin1) return called(admin1) ?? name ?? admin1;
  if (country) return new Intl.DisplayNames(lang(), { type: "region" }).of(country);
  return t("place.nowhere");
}
