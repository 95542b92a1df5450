import { spent } from './spent';

it('frees bytes that are all of their memory', () => {
  const bytes = Buffer.allocUnsafeSlow(1 << 20);
  spent(bytes);
  expect([bytes.length, bytes.buffer.byteLength]).toEqual([0, 0]);
  spent(bytes); // twice is fine
});

it('leaves a part of some memory alone, and what is shared', () => {
  const whole = Buffer.alloc(1024, 7);
  for (const part of [whole.subarray(1), whole.subarray(0, 1023), whole.subarray(512, 512)]) spent(part);
  spent(Buffer.from('pooled'));
  const shared = new Uint8Array(new SharedArrayBuffer(16));
  spent(shared);
  expect([whole.every((byte) => byte === 7), whole.length, shared.length]).toEqual([true, 1024, 16]);
});
