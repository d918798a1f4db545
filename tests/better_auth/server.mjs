// A Better Auth server with its jwt plugin, on loopback and in memory, for better_auth_test.cpp. It
// prints its port. A line on stdin with an algorithm rotates the keys: the server withdraws the old ones
// and signs with a new one. The server ends when stdin ends.
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { betterAuth } from "better-auth";
import { memoryAdapter } from "better-auth/adapters/memory";
import { toNodeHandler } from "better-auth/node";
import { createJwk, jwt } from "better-auth/plugins";

const rows = { user: [], session: [], account: [], verification: [], jwks: [] };
const curves = { EdDSA: "Ed25519" };
const http = createServer();
http.listen(0, "127.0.0.1", async () => {
  const { port } = http.address();
  const keyPairConfig = { alg: "EdDSA", crv: "Ed25519" };
  const plugin = { jwks: { keyPairConfig } };
  const auth = betterAuth({
    baseURL: `http://127.0.0.1:${port}`,
    secret: "a secret of the tests, long enough for Better Auth",
    database: memoryAdapter(rows),
    emailAndPassword: { enabled: true, password: { hash: async (text) => text, verify: async ({ hash, password }) => hash === password } },
    rateLimit: { enabled: false },
    telemetry: { enabled: false },
    plugins: [jwt(plugin)],
  });
  http.on("request", toNodeHandler(auth));
  createInterface({ input: process.stdin })
    .on("line", async (alg) => {
      rows.jwks.length = 0;
      for (const name of Object.keys(keyPairConfig)) delete keyPairConfig[name];
      Object.assign(keyPairConfig, { alg }, curves[alg] && { crv: curves[alg] });
      await createJwk({ context: await auth.$context }, plugin);
      console.log("rotated");
    })
    .on("close", () => process.exit(0));
  console.log(port);
});
