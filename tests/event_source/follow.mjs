// node follow.mjs URL TYPE...: follows a stream with the npm package `eventsource`. Prints a line of JSON
// for each connection ({"opened":…}) and for each event of these types. Ends after an event of the last
// type, or when the client gives up.
import { EventSource } from "eventsource";

const [url, ...types] = process.argv.slice(2);
const source = new EventSource(url);
const print = (line) => process.stdout.write(JSON.stringify(line) + "\n");
let opened = 0;
source.onopen = () => print({ opened: ++opened });
source.onerror = ({ code }) => {
  if (source.readyState !== EventSource.CLOSED) return;
  print({ failed: code ?? 0 });
  process.exitCode = 1;
};
for (const type of types)
  source.addEventListener(type, ({ lastEventId }) => {
    print({ id: lastEventId, type });
    if (type === types.at(-1)) source.close();
  });
