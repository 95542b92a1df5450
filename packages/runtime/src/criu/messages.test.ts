import { decodeAnswer, encodeNotified, encodeRequest } from './messages';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

test('requests have the wire format of criu', () => {
  expect(hex(encodeRequest('version'))).toBe('080a');
  expect(hex(encodeNotified(true))).toBe('08061801');
  /* type dump; opts { pid 300, leave_running, root "r", ext_mnt { "a" "b" }, inherit_fd { "p" 1 } } */
  expect(hex(encodeRequest('dump', { pid: 300, leaveRunning: true, root: 'r', extMnt: [['a', 'b']], inheritFd: [['p', 1]] }))).toBe(
    '0801121910ac0218016a0172ba01060a0161120162da01050a01701001',
  );
  expect(hex(encodeRequest('dump', { pid: -1 }))).toBe('0801120b10ffffffffffffffffff01');
});

test('answers are read, cut ones refused', () => {
  const notify = Buffer.from([8, 6, 16, 1, 42, 13, 10, 9, ...Buffer.from('post-dump'), 16, 10]);
  expect(decodeAnswer(notify)).toMatchObject({ type: 6, success: true, notify: { script: 'post-dump', pid: 10 }, errno: 0 });
  const failed = Buffer.from([8, 1, 16, 0, 56, 13, 74, 2, ...Buffer.from('no')]);
  expect(decodeAnswer(failed)).toMatchObject({ type: 1, success: false, errno: 13, message: 'no', notify: undefined });
  expect(() => decodeAnswer(notify.subarray(0, 8))).toThrow(RangeError);
  for (let i = 1; i < notify.length; i++) {
    try {
      decodeAnswer(notify.subarray(0, i));
    } catch (error) {
      expect(error).toBeInstanceOf(RangeError);
    }
  }
});
