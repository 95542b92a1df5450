import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { compileCreate } from '../compile/create';
import { dockerLikeSpec, nativeBinary } from '../testing/container';
import { encodePlan } from './encode';
import { operations } from './operations';

const describeNative = existsSync(nativeBinary) ? describe : describe.skip;
const check = (plan: Uint8Array) => spawnSync(nativeBinary, ['plan-check'], { input: plan });

test('the table is the one of plan.h', () => {
  const header = readFileSync(join(__dirname, '../../../native/plan/plan.h'), 'utf8').replaceAll('\\\n', '');
  const rows = [...header.matchAll(/X\(\s*(\w+),\s*(0x[0-9a-f]+),\s*"(\w*)"\)/g)].map((m) => [m[1], [Number(m[2]), m[3]]]);
  expect(Object.fromEntries(rows)).toEqual(operations);
});

test('a NUL in a string is refused', () => {
  expect(() => encodePlan({ kind: 'create', cloneFlags: 0, preserve: 0 }, [['HOSTNAME', 'a\0b']])).toThrow('NUL');
});

describeNative('the C reader', () => {
  const { plan } = compileCreate(dockerLikeSpec(['true']), { id: 'x', bundle: '/b' });

  test('takes what the compiler writes', () => {
    const { stdout, status } = check(plan);
    expect(status).toBe(0);
    expect(stdout.toString()).toMatch(/^kind 1 flags 0x[0-9a-f]+ preserve 0\n(.|\n)*PIVOT\n(.|\n)*EXEC_CODE\n$/);
  });

  test('refuses every cut and survives every change of a byte', () => {
    for (const length of [0, 1, 31, 32, 33, plan.length >> 1, plan.length - 1]) expect(check(plan.slice(0, length)).status).toBe(1);
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(plan.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }), (changes) => {
        const copy = Buffer.from(plan);
        for (const [at, value] of changes) copy[at] = value;
        expect([0, 1]).toContain(check(copy).status);
      }),
      { numRuns: 60 },
    );
  });
});
