import { existsSync, readFileSync } from 'node:fs';
import { cases } from './cases';

/** Table of the language, one row a keyword, flag, option, form and check; no part of the project. */
const table = process.env['DOCKERFILE_ROWS'] ?? '';
const present = table !== '' && existsSync(table);
const name = 'every row of the language has a build that exercises it';

if (!present) test.skip(`${name} [needs DOCKERFILE_ROWS, the path of a table of the language]`, () => undefined);
else
  test(name, () => {
    const rows = readFileSync(table, 'utf8')
      .split('\n')
      .slice(1)
      .filter((line) => line !== '')
      .map((line) => {
        const [instruction = '', kind = '', item = ''] = line.split('\t');
        return kind === 'instruction' ? item : `${instruction} ${item}`;
      });
    const covered = new Set(cases.flatMap((one) => one.rows));
    expect(rows.filter((row) => !covered.has(row))).toEqual([]);
    expect([...covered].filter((row) => !rows.includes(row))).toEqual([]);
  });
