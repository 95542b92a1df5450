import { closeSync } from 'node:fs';
import { packError } from './errors';
import type { Answer, Operations, Question } from './operations';

/** The other end of a Looker: the whole program of the process that may be left hanging. Answers one question at a time, until its parent goes. */
export function answerLooks(operations: Operations): void {
  const say = (answer: Answer): void => void process.send?.(answer);
  process.on('message', (question: Question) => {
    if ('close' in question) {
      closeSync(question.close);
      return;
    }
    const { id, name, args } = question;
    try {
      const look = operations[name];
      if (look === undefined) throw new TypeError(`no look is called ${name}`);
      say({ id, found: look(...(args as never[])) });
    } catch (error) {
      say({ id, error: packError(error) });
    }
  });
  process.once('disconnect', () => process.exit(0));
}
