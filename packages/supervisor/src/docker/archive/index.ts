export { statArchive } from './stat';
export { exportContainer, getArchive, putArchive } from './transfer';
