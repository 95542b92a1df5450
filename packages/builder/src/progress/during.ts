import type { StepProgress } from './progress';

/** Tells a part of a step with its begin and its end. */
export async function during<T>(progress: StepProgress, id: string, work: () => Promise<T>): Promise<T> {
  const started = new Date();
  progress.status({ id, started });
  try {
    return await work();
  } finally {
    progress.status({ id, started, completed: new Date() });
  }
}
