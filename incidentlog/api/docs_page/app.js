// Swagger UI over /openapi.json. It makes HTML of the descriptions' Markdown, which it has cleaned by DOMPurify, and hands
// it on as text: the page's policy wants it to be said that this is meant. Scripts in it would not run: the policy lets in
// none but the page's own files.
globalThis.trustedTypes?.createPolicy("default", { createHTML: (html) => html });

globalThis.SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#routes",
  deepLinking: true,
  docExpansion: "none",
  defaultModelsExpandDepth: -1,
  filter: true,
  syntaxHighlight: false, // its numbers cannot be read on its ground
  validatorUrl: null,
  persistAuthorization: false,
  queryConfigEnabled: false,
});
