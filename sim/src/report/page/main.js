// Puts everything on the page, and says whether that went well: `data-drawn` on the root is "yes" when all
// is drawn, and `data-error` what went wrong if something did.

window.addEventListener("error", event => {
  document.documentElement.dataset.error = event.message;
  document.body.prepend(el("p", { id: "broken" }, "This page could not be drawn: " + event.message));
});

function setTheme(dark) {
  document.documentElement.classList.toggle("dark", dark);
  readColours();
  later();
}

const wanted = location.hash.includes("dark") ? true : location.hash.includes("light") ? false
  : window.matchMedia("(prefers-color-scheme: dark)").matches;
document.documentElement.classList.toggle("dark", wanted);
readColours();
$("theme").addEventListener("click", () => setTheme(!document.documentElement.classList.contains("dark")));
showVerdict();
tools();
legend();
showStory();
showLikelihood();
showPlan();
listen();
listenTable();
showFailure();
draw();
filterTable();
if (D.verdict.failed) choose(search(filtered, D.verdict.us, event => event.us));
document.documentElement.dataset.drawn = "yes";
