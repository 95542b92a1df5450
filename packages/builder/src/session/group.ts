import { asGantryError, failedPrecondition } from '@gantry/rpc';
import type { Session, SessionGroup, Sessions } from './session';

/** Sessions of ids that may change while somebody goes through them: those who join later are asked, too. */
export function sessionGroup(sessions: Sessions, ids: () => readonly string[]): SessionGroup {
  return {
    get ids() {
      return ids();
    },
    async any<T>(use: (session: Session) => Promise<T>): Promise<T> {
      const asked = new Set<string>();
      let failure: Error | undefined;
      for (;;) {
        const id = ids().find((each) => each !== '' && !asked.has(each));
        if (id === undefined) break;
        asked.add(id);
        try {
          return await use(await sessions.find(id));
        } catch (error) {
          failure = asGantryError(error);
        }
      }
      throw failure ?? failedPrecondition('no active sessions');
    },
  };
}
