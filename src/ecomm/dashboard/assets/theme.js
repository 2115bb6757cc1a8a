"use strict";(()=>{try{let t=localStorage.getItem("ecomm-theme");(t==="light"||t==="dark")&&document.documentElement.setAttribute("data-theme",t)}catch{}})();
