import { internal, prefixed } from '@gantry/rpc';
import { stackDetail } from './stack-detail';

test('the frames of what failed first', () => {
  const first = new Error('first');
  first.stack = 'Error: first\n    at work (/somewhere/file.ts:12:5)\n    at async Promise.all (index 0)\n    at /other/file.ts:7:1';
  const { typeUrl, value } = stackDetail(prefixed(internal('second', { cause: first }), 'third'));
  expect(typeUrl).toBe('github.com/moby/buildkit/stack.Stack+json');
  expect(JSON.parse(value.toString())).toEqual({
    frames: [
      { Name: 'work', File: 'file.ts', Line: 12 },
      { File: 'file.ts', Line: 7 },
    ],
    pid: process.pid,
  });
});
