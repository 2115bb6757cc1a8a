// Before the first paint: the theme that was chosen, so that nothing flashes.
try {
  const chosen = localStorage.getItem("ecomm-theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.setAttribute("data-theme", chosen);
} catch {
  // A browser that keeps nothing.
}
