/** Says in the page what became of a passkey that was not used: the browser's own words are for nobody. */

document.addEventListener("allauth.error", (event) => {
  event.preventDefault();
  const place = document.querySelector("[data-passkey-problem]");
  if (place) place.textContent = place.getAttribute("data-passkey-problem");
});
