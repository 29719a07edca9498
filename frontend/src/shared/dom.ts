/** Small hands for pages without a framework. */

export function one<E extends HTMLElement = HTMLElement>(selector: string, within: ParentNode = document): E {
  const found = within.querySelector<E>(selector);
  if (!found) throw new Error(`nothing at ${selector}`);
  return found;
}

/** A copy of `<template id>`. */
export function copyOf(id: string): HTMLElement {
  const template = one<HTMLTemplateElement>(`template#${id}`);
  return (template.content.cloneNode(true) as DocumentFragment).firstElementChild as HTMLElement;
}

/** Fill the parts marked `data-part` of one element; an empty text hides its part. */
export function fill(element: ParentNode, texts: Record<string, string>): void {
  for (const [part, text] of Object.entries(texts)) {
    const place = one(`[data-part="${part}"]`, element);
    place.textContent = text;
    place.hidden = text === "";
  }
}

export function onClick(selector: string, act: () => unknown): void {
  one(selector).addEventListener("click", () => void act());
}
