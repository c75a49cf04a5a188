// Nothing here is needed: without it the reasons are pages of their own, and
// countdowns stand still.
"use strict";

const dialog = document.getElementById("why");

document.addEventListener("click", async (event) => {
  const link = event.target.closest("a[data-why]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || link.closest("dialog")) return;
  event.preventDefault();
  try {
    const answer = await fetch(link.href);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const reason = page.querySelector(".reason") || page.querySelector(".empty");
    dialog.querySelector("div").replaceChildren(document.importNode(reason, true));
    dialog.showModal();
  } catch {
    location.href = link.href;
  }
});

dialog.addEventListener("click", (event) => {
  if (event.target === dialog) dialog.close();
});

const words = (seconds) => {
  if (seconds <= 0) return "over";
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  if (seconds < 172800) return `${Math.floor(seconds / 3600)} h ${Math.floor(seconds / 60) % 60} min`;
  return `${Math.floor(seconds / 86400)} days`;
};

const clocks = [...document.querySelectorAll("time.countdown")];
if (clocks.length > 0) {
  const tick = () => {
    for (const clock of clocks) {
      const left = Math.round((new Date(clock.dateTime) - Date.now()) / 1000);
      clock.lastElementChild.textContent = words(left);
      if (left === 0) setTimeout(() => location.reload(), 1500);
    }
  };
  tick();
  setInterval(tick, 1000);
}
