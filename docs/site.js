// Tables that scroll sideways take the focus of the keyboard.
"use strict";
const fit = () => {
  for (const table of document.querySelectorAll(".md-typeset table")) {
    if (table.scrollWidth > table.clientWidth) table.tabIndex = 0;
    else table.removeAttribute("tabindex");
  }
};
fit();
addEventListener("load", fit);
addEventListener("resize", fit);
