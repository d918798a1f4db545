// A session of a client that openapi-typescript has generated with its default options, and that
// openapi-fetch sends. Compiled with --strict; run with the address of a service. Prints what it has
// seen, one line for each part of the journey.
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

type Task = components["schemas"]["Task"];
type Message = components["schemas"]["Message"];

const [baseUrl] = process.argv.slice(2);
const client = createClient<paths>({ baseUrl });

// The data of an answer, which are undefined if it is an error.
function check<T>(what: string, answer: { data?: T; error?: unknown }): T {
  if (answer.data === undefined) throw new Error(`${what}: ${JSON.stringify(answer.error)}`);
  return answer.data;
}

function show(what: string, ...seen: unknown[]): void {
  console.log(what, JSON.stringify(seen));
}

// The code and the places of an error. Below /api its body is enveloped, elsewhere it is plain, and
// that of nginx is a problem (RFC 9457).
type Refusal =
  | components["schemas"]["EnvelopedError"]
  | components["schemas"]["PlainError"]
  | components["schemas"]["Problem"];
function reasons(error: Refusal | undefined): string[] {
  if (error === undefined) throw new Error("not refused");
  const { details = [] } = "error" in error ? error.error : error;
  const code = "error" in error ? error.error.code : "code" in error ? error.code : error.type;
  return [code, ...details.map(({ loc }) => loc.join("."))];
}

const account = { email: "typed@example.org", password: "correct horse battery" };
check("sign up", await client.POST("/api/auth/signup", { body: account }));
const { token, user } = check(
  "sign in",
  await client.POST("/api/auth/signin", { body: account }),
).data;
client.use({
  onRequest({ request }) {
    request.headers.set("Authorization", `Bearer ${token}`);
    return request;
  },
});

// Only what a request must have is required.
const milk: Task = check(
  "create",
  await client.POST("/api/tasks", { body: { title: "Buy milk" } }),
).data;
const { due_date: noDate, priority: noPriority, tags: noTags } = milk;
const dueDate: string | null = noDate;
show("least", milk.id, milk.description, dueDate, noPriority, noTags);

const bakery = {
  title: "Éclairs",
  description: "From the bakery",
  completed: false,
  due_date: new Date("2026-12-24T17:00:00+01:00").toISOString(),
  priority: "high" as const,
  tags: ["Party", "shopping"],
};
const key = { "Idempotency-Key": "eclairs" };
const add = () => client.POST("/api/tasks", { params: { header: key }, body: bakery });
const [first, again] = [await add(), await add()];
const eclairs = check("create", first).data;
show("same key", eclairs.id, check("create again", again).data.id === eclairs.id);
show("members", eclairs.due_date, eclairs.priority, eclairs.tags);
const otherBody = await client.POST("/api/tasks", {
  params: { header: key },
  body: { title: "Something else" },
});
show("other body", otherBody.response.status, ...reasons(otherBody.error));

// Lists: each filter, each order, and pages by cursor.
type ListQuery = NonNullable<paths["/api/tasks"]["get"]["parameters"]["query"]>;
async function titles(query: ListQuery): Promise<string[]> {
  const list = check("list", await client.GET("/api/tasks", { params: { query } }));
  return list.data.map(({ title }) => title);
}
const filters: ListQuery[] = [
  { status: "pending" },
  { status: "completed" },
  { due_before: "2026-12-25T00:00:00Z" },
  { due_after: "2026-12-25T00:00:00Z" },
  { priority: "high,urgent" },
  { tag: "party,SHOPPING" },
  { q: "eclair bakery" },
];
for (const filter of filters) show("filter", filter, await titles(filter));
for (const sort of ["created_at", "updated_at", "title", "due_date", "priority"] as const)
  show("sort", sort, await titles({ sort, order: "asc" }), await titles({ sort, order: "desc" }));

const seen: string[] = [];
let cursor: string | null = null;
do {
  const query: ListQuery = { sort: "title", order: "asc", limit: 1, ...(cursor && { cursor }) };
  const page: components["schemas"]["TaskList"] = check(
    "page",
    await client.GET("/api/v1/{user_id}/tasks", { params: { path: { user_id: user.id }, query } }),
  );
  seen.push(...page.data.map(({ title }) => title));
  cursor = page.pagination.next_cursor;
} while (cursor !== null);
show("pages", seen);

// A change of the version that was read, and one of a version that has changed since.
const path = { id: eclairs.id };
const read = await client.GET("/api/tasks/{id}", { params: { path } });
check("get", read);
const etag = { "If-Match": read.response.headers.get("ETag") ?? "none" };
const change = () =>
  client.PATCH("/api/tasks/{id}", { params: { path, header: etag }, body: { due_date: null } });
const changed = check("change", await change()).data;
show("changed", changed.due_date, changed.priority);
const stale = await change();
show("stale", stale.response.status, ...reasons(stale.error));
const toggled = await client.PATCH("/api/tasks/{id}/complete", { params: { path } });
show("toggled", check("toggle", toggled).data.completed);
const replaced = await client.PUT("/api/tasks/{id}", {
  params: { path },
  body: { title: "Éclairs", description: null, completed: false },
});
show("replaced", check("replace", replaced).data.description, replaced.data?.data.tags);

// Several changes at once, all or none.
const batch = await client.POST("/api/tasks/batch", {
  params: { header: { "Idempotency-Key": "batch" } },
  body: {
    operations: [
      { op: "create", title: "Bake bread", tags: ["home"] },
      { op: "update", id: eclairs.id, priority: "urgent", due_date: null },
      { op: "complete", id: eclairs.id },
      { op: "delete", id: milk.id },
    ],
  },
});
const results: (Task | null)[] = check("batch", batch).data.results;
show("batch", ...results.map((task) => task && [task.title, task.priority, task.completed]));
const refused = await client.POST("/api/tasks/batch", {
  body: {
    operations: [
      { op: "create", title: "Never added" },
      { op: "complete", id: milk.id },
    ],
  },
});
show("refused", refused.response.status, ...reasons(refused.error));
const untitled = await client.POST("/api/tasks", { body: { title: "" } });
show("untitled", untitled.response.status, ...reasons(untitled.error));
const board = await client.POST("/collab/tasks", { body: { title: "" } });
show("plain", board.response.status, ...reasons(board.error));

// A conversation with an agent.
const conversation = check(
  "converse",
  await client.POST("/api/conversations", { body: { title: "Plans for today" } }),
).data;
const talk = { path: { id: conversation.id } };
const answer = {
  role: "assistant" as const,
  content: null,
  metadata: { tool_calls: [{ id: "call-1", name: "list_tasks" }] },
  client_message_id: "turn-1",
};
for (const attempt of [1, 2]) {
  const sent = await client.POST("/api/conversations/{id}/messages", { params: talk, body: answer });
  const message: Message = check("send", sent).data;
  show("message", attempt, sent.response.status, message.id, message.content, message.metadata);
}
const added = await client.POST("/api/conversations/{id}/messages/batch", {
  params: talk,
  body: {
    messages: [
      { role: "tool", content: "[]", metadata: { tool_call_id: "call-1" } },
      { role: "assistant", content: "Nothing." },
    ],
  },
});
show("messages", ...check("send several", added).data.map(({ role }) => role));
const renamed = await client.PATCH("/api/conversations/{id}", {
  params: talk,
  body: { title: "Nothing to do" },
});
show("renamed", check("rename", renamed).data.title);
const newest = await client.GET("/api/conversations/{id}/messages", {
  params: { ...talk, query: { last: 2 } },
});
show("newest", ...check("read", newest).data.map(({ content }) => content));
const all = await client.GET("/api/conversations", { params: { query: { sort: "updated_at" } } });
show("conversations", ...check("list", all).data.map(({ title }) => title));
const gone = await client.DELETE("/api/conversations/{id}", { params: talk });
const missing = await client.GET("/api/conversations/{id}", { params: talk });
show("deleted", gone.response.status, missing.response.status, ...reasons(missing.error));

// These are not sent: they are to compile.
export const requests: [
  components["schemas"]["NewJob"],
  components["schemas"]["LeaseRequest"],
  components["schemas"]["Heartbeat"],
  components["schemas"]["NewConversation"],
  components["schemas"]["NewMessage"],
] = [{ title: "x" }, { worker: "x" }, { lease_id: "x" }, {}, { role: "user", content: "x" }];
