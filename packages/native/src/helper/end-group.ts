import { readFileSync } from 'node:fs';

const AGAIN_MS = 20;

/** Ends the process group whose id is in a file, until what runs in it has answered: the id may not be written yet, and a process may begin as another ends. */
export async function endGroup(file: string, answer: Promise<unknown>): Promise<void> {
  let isOver = false;
  const over = (): void => {
    isOver = true;
  };
  answer.then(over, over);
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS).unref());
    if (isOver) return;
    const group = groupIn(file);
    if (group > 1) killGroup(group);
  }
}

/** 0: it is not written yet. */
function groupIn(file: string): number {
  try {
    return Number(readFileSync(file, 'utf8'));
  } catch {
    return 0;
  }
}

function killGroup(group: number): void {
  try {
    process.kill(-group, 'SIGKILL');
  } catch {
    // Nothing of it runs any more, and the answer is on its way.
  }
}
