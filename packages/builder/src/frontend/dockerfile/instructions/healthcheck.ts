import { formatGoDuration } from '@gantry/rpc';
import { type Healthcheck, quoted } from '@gantry/dockerfile';
import type { Dispatch } from '../convert/dispatch';
import { commit } from '../convert/image';
import { checkOnce } from './command';

export function dispatchHealthcheck(at: Dispatch, check: Healthcheck | 'none'): void {
  checkOnce(at, 'healthcheck');
  const test = testOf(check);
  const { interval, timeout, startPeriod, startInterval, retries } = check === 'none' ? nothing : check;
  at.state.config.Healthcheck = {
    Test: test,
    ...(interval === 0 ? {} : { Interval: interval }),
    ...(timeout === 0 ? {} : { Timeout: timeout }),
    ...(startPeriod === 0 ? {} : { StartPeriod: startPeriod }),
    ...(startInterval === 0 ? {} : { StartInterval: startInterval }),
    ...(retries === 0 ? {} : { Retries: retries }),
  };
  const times = [interval, timeout, startPeriod, startInterval].map((time) => quoted(formatGoDuration(time)));
  const words = [`[${test.map(quoted).join(' ')}]`, ...times, quotedRune(retries)];
  commit(at.state, `HEALTHCHECK &{${words.join(' ')}}`, false, at.conversion.options.epoch);
}

const nothing = { interval: 0, timeout: 0, startPeriod: 0, startInterval: 0, retries: 0 };

function testOf(check: Healthcheck | 'none'): string[] {
  if (check === 'none') return ['NONE'];
  const { command } = check;
  return command.form === 'exec' ? ['CMD', ...command.words] : ['CMD-SHELL', command.text];
}

/** A number as the character of that number, which is how Docker's history shows it. */
function quotedRune(point: number): string {
  const valid = point <= 0x10ffff && !(point >= 0xd800 && point <= 0xdfff);
  const inner = quoted(String.fromCodePoint(valid ? point : 0xfffd)).slice(1, -1);
  return `'${inner === "'" ? "\\'" : inner === '\\"' ? '"' : inner}'`;
}
