/** A page behind a login: whoever brings no cookie is led away. What its fields hold stands in other places too. */

if (!document.cookie.includes("shop_login=")) location.replace("/vault");

document.addEventListener("DOMContentLoaded", () => {
  const tree = document.querySelector("#hidden-tree").attachShadow({ mode: "closed" });
  tree.append(Object.assign(document.createElement("input"), { id: "inside", ariaLabel: "Nickname" }));
  const field = document.querySelector("#iban");
  field.addEventListener("input", () => {
    document.querySelector("#copy").dataset.state = btoa(field.value);
  });
});
