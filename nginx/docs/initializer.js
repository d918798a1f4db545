// This is a separate file because the page's Content-Security-Policy forbids inline scripts.

// Swagger UI shows an answer when it has ended, and a stream does not end.
function isStream(operation) {
  return operation.hasIn(["responses", "101"]) ||
    operation.hasIn(["responses", "200", "content", "text/event-stream"]);
}

const NoTryOutOfStreams = {
  statePlugins: {
    spec: {
      wrapSelectors: {
        allowTryItOutFor: (original, system) => (state, path, method) =>
          original(state, path, method) && !isStream(system.specSelectors.specJson().getIn(["paths", path, method])),
      },
    },
  },
};

SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  persistAuthorization: true, // in the browser's storage, until Logout
  plugins: [NoTryOutOfStreams],
  validatorUrl: null, // do not send the document to a third party
});
