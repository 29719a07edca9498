/** 权益: what I can still use and why not the rest, what I am owed, and where to go. */

import { copyOf, fill, one } from "../shared/dom";
import { say } from "../shared/words";
import { showFreshOrSeen, whileLoading } from "./seen";
import * as server from "./server";

let places: server.Place[] = [];

export function startBenefits(): void {
  one<HTMLInputElement>("#place-search").addEventListener("input", showPlaces);
  one<HTMLSelectElement>("#place-area").addEventListener("change", showPlaces);
}

export async function showBenefits(): Promise<void> {
  const note = one("#benefits-note");
  const first = one("#open-list").childElementCount + one("#owed-list").childElementCount + places.length === 0;
  note.textContent = await whileLoading("#benefits-loading", first, () => showFreshOrSeen("benefits", server.benefits, show));
  note.hidden = note.textContent === "";
}

function show(found: server.Benefits): void {
  const owed = found.open.filter((line) => line.owed);
  one("#owed").hidden = owed.length === 0;
  one("#owed-list").replaceChildren(...owed.map(lineOf));
  const open = found.open.filter((line) => !line.owed);
  one("#open-benefits").hidden = open.length === 0;
  one("#open-list").replaceChildren(...open.map(lineOf));
  one("#no-benefits").hidden = found.open.length > 0;
  one("#closed-benefits").hidden = found.closed.length === 0;
  one("#closed-list").replaceChildren(...found.closed.map(lineOf));
  places = found.places;
  one("#places").hidden = places.length === 0;
  offerAreas();
  showPlaces();
}

function lineOf(line: server.BenefitLine): HTMLElement {
  const item = copyOf("benefit");
  fill(item, {
    name: line.name,
    what: line.what,
    terms: line.terms,
    left: line.left,
    why: line.why,
    where: line.where === "" ? "" : say("where", { where: line.where }),
  });
  one(".benefit__ask", item).hidden = line.why === "";
  return item;
}

/** Every word of the search must be somewhere in the place; the list is whole on the phone, so it works offline. */
export function matches(place: server.Place, search: string): boolean {
  const text = [place.merchant, place.store, place.area, place.address, ...place.offers].join(" ").toLowerCase();
  return search
    .normalize("NFKC")
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

/** Towns and streets with something in them, the member's own first: places come in that order. */
export function areasOf(known: readonly server.Place[]): { area: string; near: boolean }[] {
  const areas = new Map(known.filter((place) => place.area).map((place) => [place.area, place.near]));
  return [...areas].map(([area, near]) => ({ area, near }));
}

function offerAreas(): void {
  const choice = one<HTMLSelectElement>("#place-area");
  const chosen = choice.value;
  const areas = areasOf(places);
  const named = areas.map(({ area, near }) => new Option(near ? say("area_near", { area }) : area, area));
  choice.replaceChildren(new Option(say("whole_district"), ""), ...named);
  choice.value = areas.some(({ area }) => area === chosen) ? chosen : "";
  one("#place-areas").hidden = areas.length < 2;
}

function showPlaces(): void {
  const search = one<HTMLInputElement>("#place-search").value.trim();
  const area = one<HTMLSelectElement>("#place-area").value;
  const found = places.filter((place) => (area === "" || place.area === area) && matches(place, search));
  one("#place-list").replaceChildren(...found.map(placeOf));
  one("#place-none").hidden = found.length > 0;
  one("#place-count").textContent = search === "" && area === "" ? "" : say("places_found", { n: found.length });
}

function placeOf(place: server.Place): HTMLElement {
  const item = copyOf("place");
  fill(item, {
    "place-name": `${place.merchant} ${place.store}`,
    address: `${place.area} ${place.address}`.trim(),
    hours: place.hours,
    offers: place.offers.join("\n"),
  });
  one("[data-near]", item).hidden = !place.near;
  const phone = one<HTMLAnchorElement>('[data-part="place-phone"]', item);
  phone.hidden = place.phone === "";
  phone.textContent = place.phone;
  if (place.phone) phone.href = `tel:${place.phone.replace(/[^\d+]/g, "")}`;
  return item;
}
