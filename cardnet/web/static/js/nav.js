// On a phone the row of words is wider than the screen: the one of this page is moved into sight, also once it is turned.
const current = document.querySelector(".nav a[aria-current]");
const row = current?.closest("ul");

function show() {
  row.scrollLeft = current.offsetLeft - row.offsetLeft - (row.clientWidth - current.offsetWidth) / 2;
}

if (row) {
  show();
  addEventListener("resize", show);
}
