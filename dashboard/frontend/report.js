// Draws the figures of a report in light or dark, as the reader's system says; on paper in light.
(() => {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const config = (name) => ({
    responsive: true,
    displaylogo: false,
    modeBarButtonsToRemove: ["select2d", "lasso2d", "zoomIn2d", "zoomOut2d"],
    toImageButtonOptions: { format: "svg", filename: name },
  });
  const draw = (mode) => {
    for (const [id, figure] of Object.entries(figures)) {
      const styles = figure[mode].styles;
      const data = figure.data.map((trace, i) => ({ ...trace, ...styles[i] }));
      const layout = { ...figure[mode].layout, autosize: true, uirevision: "kept" };
      Plotly.react(document.getElementById(id), data, layout, config(id));
    }
  };
  const onScreen = () => draw(dark.matches ? "dark" : "light");
  onScreen();
  dark.addEventListener("change", onScreen);
  addEventListener("beforeprint", () => {
    document.querySelectorAll("details").forEach((one) => one.setAttribute("open", ""));
    draw("light");
  });
  addEventListener("afterprint", onScreen);
})();
