"use strict";
(function(){var root=document.documentElement,buttons=document.querySelectorAll("[data-set]");root.classList.add("js");
function show(language){root.dataset.lang=root.lang=language;buttons.forEach(function(b){b.setAttribute("aria-pressed",b.dataset.set===language)})}
buttons.forEach(function(b){b.addEventListener("click",function(){show(b.dataset.set)})});
show(location.hash==="#ja"||location.hash==="#en"?location.hash.slice(1):root.dataset.lang)})();
