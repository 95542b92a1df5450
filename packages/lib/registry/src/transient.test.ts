import { unavailable } from '@gantry/rpc';
import { isRefused } from './transient';

const failed = (code: string): Error => unavailable('no answer', { cause: Object.assign(new Error(code), { code }) });

test.each(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'CERT_HAS_EXPIRED'])('%s is told at once', (code) => {
  expect(isRefused(failed(code))).toBe(true);
});

test.each(['ECONNRESET', 'EPIPE'])('%s is tried again', (code) => {
  expect(isRefused(failed(code))).toBe(false);
});
