import { basename } from 'node:path';
import { type ErrorDetail, isError } from '@gantry/rpc';

const TYPE = 'github.com/moby/buildkit/stack.Stack+json';
const MOST_FRAMES = 30;

/** Where in the builder a failure came up, as BuildKit tells it with the record of a build: `buildx history inspect` prints it. */
export function stackDetail(error: Error): ErrorDetail {
  const frames = (innermost(error).stack ?? '').split('\n').flatMap((line) => {
    const [, name = '', file = '', number = ''] = /^ {4}at (?:(\S[^(]*) \()?([^()]+):(\d+):\d+\)?$/.exec(line) ?? [];
    return file === '' ? [] : [{ ...(name === '' ? {} : { Name: name }), File: basename(file), Line: Number(number) }];
  });
  return { typeUrl: TYPE, value: Buffer.from(JSON.stringify({ frames: frames.slice(0, MOST_FRAMES), pid: process.pid })) };
}

function innermost(error: Error): Error {
  let at = error;
  for (let next: unknown = at.cause; isError(next) && next !== at; next = at.cause) at = next;
  return at;
}
