/**
 * Judges cases by the thousand in one process: `judge.mjs DOCUMENT CASES ANSWERS [planted]`. DOCUMENT is a JSON file with
 * pack and lists, CASES one JSON document a line, ANSWERS gets one line each. Bundled and run by test_differential.py.
 */

import { createReadStream, createWriteStream, readFileSync } from "node:fs";
import { createInterface } from "node:readline";

import { answer, judgeOf, withoutLastZero } from "./judging";

const [documentFile, casesFile, answersFile, planted] = process.argv.slice(2);
const judge = await judgeOf(JSON.parse(readFileSync(documentFile, "utf8")));
const out = createWriteStream(answersFile);
for await (const line of createInterface({ input: createReadStream(casesFile, "utf8"), crlfDelay: Infinity })) {
  const one = JSON.parse(line);
  if (planted) one.text = withoutLastZero(one.text);
  out.write(answer(judge, one) + "\n");
}
out.end();
