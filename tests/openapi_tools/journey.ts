// A session of a client that openapi-typescript has generated with its default options, and that
// openapi-fetch sends. Compiled with --strict; run with the address of a service.
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

const [baseUrl] = process.argv.slice(2);
const client = createClient<paths>({ baseUrl });

function check<T>(what: string, data: T | undefined, error: unknown): T {
  if (data === undefined) throw new Error(`${what}: ${JSON.stringify(error)}`);
  return data;
}

const account = { email: "typed@example.org", password: "correct horse battery" };
const signedUp = await client.POST("/api/auth/signup", { body: account });
check("sign up", signedUp.data, signedUp.error);
const signIn = await client.POST("/api/auth/signin", { body: account });
const { token, user } = check("sign in", signIn.data, signIn.error).data;
client.use({
  onRequest({ request }) {
    request.headers.set("Authorization", `Bearer ${token}`);
    return request;
  },
});

// Only what a request must have is required.
const created = await client.POST("/api/tasks", { body: { title: "Buy milk" } });
const task: components["schemas"]["Task"] = check("create", created.data, created.error).data;

const list = await client.GET("/api/v1/{user_id}/tasks", {
  params: { path: { user_id: user.id }, query: { status: "pending" } },
});
const titles: string[] = check("list", list.data, list.error).data.map(({ title }) => title);

const refused = await client.POST("/api/tasks", { body: { title: "" } });
const code: string | undefined =
  refused.error && "error" in refused.error ? refused.error.error.code : undefined;

// These are not sent: they are to compile.
export const requests: [
  components["schemas"]["NewJob"],
  components["schemas"]["LeaseRequest"],
  components["schemas"]["Heartbeat"],
] = [{ title: "x" }, { worker: "x" }, { lease_id: "x" }];

console.log(JSON.stringify({ id: task.id, titles, code }));
