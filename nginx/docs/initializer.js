// This is a separate file because the page's Content-Security-Policy forbids inline scripts.
SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  validatorUrl: null, // do not send the document to a third party
});
