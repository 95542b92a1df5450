import type { EngineApi } from './api';

export const pathOf = (container: string): string => `/containers/${encodeURIComponent(container)}`;

/** Asks for what docker's API has no words for; answers the engine's warnings. */
export async function updateContainer(api: EngineApi, container: string, change: object): Promise<readonly string[]> {
  const answer = (await api.call('POST', `${pathOf(container)}/update`, { Gantry: change })) as { Warnings: string[] | null };
  return answer.Warnings ?? [];
}
