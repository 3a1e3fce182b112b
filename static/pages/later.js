/** What the next page will need is fetched once this one has been looked at for a while. */

const LOOKED_AT_MS = 1000;

setTimeout(() => {
  const later = document.getElementById("later");
  if (later instanceof HTMLTemplateElement) document.head.append(later.content);
}, LOOKED_AT_MS);
