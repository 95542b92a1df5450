export { answerLooks } from './answer';
export { Looker, type LookOptions } from './looker';
export { findLooks } from './find';
export { mayHang } from './may-hang';
export type { Found, Operations } from './operations';
