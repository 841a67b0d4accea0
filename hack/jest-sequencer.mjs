// What takes a core by itself for minutes first, the lab last: it has the machine for itself then.
import Sequencer from "@jest/test-sequencer";

const ORDER = [/\/simulation\/matrix/, /\/(unit|simulation)\//, /\/lab\//];
const place = ({ path }) => ORDER.findIndex((pattern) => pattern.test(path));

export default class extends Sequencer {
  async sort(tests) {
    const sorted = await super.sort(tests);
    return sorted.toSorted((a, b) => place(a) - place(b));
  }
}
