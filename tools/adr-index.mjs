// Holds docs/adr to its form and writes its index: tools/node tools/adr-index.mjs [--check]
// The form: line 1 `# NNNN: Title`, line 3 `Status: accepted, YYYY-MM-DD · Room: images`, where the status may go on: `superseded by 0189`, `accepted; changed by 0190`.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = join(import.meta.dirname, '../docs/adr');
const ROOMS = [
  'house',
  'lib',
  'native',
  'runtime',
  'shim',
  'network',
  'builder',
  'images',
  'supervisor',
  'gateway',
  'kubernetes',
  'running',
  'cost',
];
const STATUS = /^Status: ((?:accepted|proposed|superseded by \d{4}|rejected)(?:; [^·]+)?), (\d{4}-\d\d-\d\d) · Room: ([a-z]+)$/;

const problems = [];
const records = readdirSync(folder)
  .filter((name) => /^\d{4}-.*\.md$/.test(name))
  .sort()
  .map((name) => {
    const number = name.slice(0, 4);
    const [title = '', , status = ''] = readFileSync(join(folder, name), 'utf8').split('\n');
    const heading = /^# (\d{4}): (.+)$/.exec(title);
    const said = STATUS.exec(status);
    if (heading?.[1] !== number) problems.push(`${name}: the first line is not "# ${number}: Title"`);
    if (said === null) problems.push(`${name}: the third line is not "Status: accepted, YYYY-MM-DD · Room: ROOM"`);
    else if (!ROOMS.includes(said[3])) problems.push(`${name}: room ${said[3]} is none of ${ROOMS.join(', ')}`);
    for (const [, other] of status.matchAll(/\b(\d{4})\b(?!-)/g))
      if (!readdirSync(folder).some((one) => one.startsWith(`${other}-`))) problems.push(`${name}: there is no ${other}`);
    return { name, number, title: heading?.[2] ?? '', status: said?.[1] ?? '', date: said?.[2] ?? '', room: said?.[3] ?? '' };
  });
const twice = records.find(({ number }, i) => records[i + 1]?.number === number);
if (twice !== undefined) problems.push(`${twice.number} is there twice`);

const rows = (room) =>
  records
    .filter((one) => one.room === room)
    .map(({ name, number, title, status, date }) => `| [${number}](${name}) | ${title.replaceAll('|', '\\|')} | ${status} | ${date} |`);
const text = `# Why it is so

Decisions, by room, with their alternatives and measurements. Made by \`tools/node tools/adr-index.mjs\`; a new record takes the next free number, names its room in its third
line, and says there which one it supersedes or changes.
${ROOMS.filter((room) => rows(room).length > 0)
  .map((room) => `\n## ${room}\n\n| | decision | status | date |\n|---|---|---|---|\n${rows(room).join('\n')}\n`)
  .join('')}`;

const index = join(folder, 'README.md');
if (process.argv[2] !== '--check') writeFileSync(index, text);
else if (readFileSync(index, 'utf8') !== text) problems.push('docs/adr/README.md is not what tools/adr-index.mjs writes');
for (const problem of problems) process.stderr.write(`${problem}\n`);
process.exitCode = problems.length > 0 ? 1 : 0;
