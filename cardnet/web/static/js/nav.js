// On a phone the row of words is wider than the screen: the one of this page is moved into sight.
const current = document.querySelector(".nav a[aria-current]");
const row = current?.closest("ul");
if (row) {
  row.scrollLeft = current.offsetLeft - row.offsetLeft - (row.clientWidth - current.offsetWidth) / 2;
}
