import agentAppendLog from "./agent-api/append-log.ts";
import agentFail from "./agent-api/fail.ts";
import agentFinish from "./agent-api/finish.ts";
import agentLogSize from "./agent-api/log-size.ts";
import agentPlan from "./agent-api/plan.ts";
import agentReport from "./agent-api/report.ts";
import agentCompleteParts from "./agent-api/complete-parts.ts";
import agentPartUrls from "./agent-api/part-urls.ts";
import agentPartsThere from "./agent-api/parts-there.ts";
import agentUploadTarget from "./agent-api/upload-target.ts";
import live from "./health/live.ts";
import ready from "./health/ready.ts";
import type { Endpoint } from "./http/endpoint.ts";
import openapi from "./openapi.ts";
import signedGet from "./signed/get.ts";
import signedPut from "./signed/put.ts";
import signedPutPart from "./signed/put-part.ts";
import imagesCreate from "./v3/images/create.ts";
import imagesDeleteAll from "./v3/images/delete-all.ts";
import imagesDelete from "./v3/images/delete.ts";
import imagesGetArtifact from "./v3/images/get-artifact.ts";
import imagesGet from "./v3/images/get.ts";
import imagesListArtifacts from "./v3/images/list-artifacts.ts";
import imagesList from "./v3/images/list.ts";
import imagesPutArtifact from "./v3/images/put-artifact.ts";
import imagesCreateManifest from "./v3/images/create-manifest.ts";
import imagesUpdate from "./v3/images/update.ts";
import jobsCancel from "./v3/jobs/cancel.ts";
import jobsRetry from "./v3/jobs/retry.ts";
import jobsCreate from "./v3/jobs/create.ts";
import jobsDeleteAll from "./v3/jobs/delete-all.ts";
import jobsDelete from "./v3/jobs/delete.ts";
import jobsGet from "./v3/jobs/get.ts";
import jobsList from "./v3/jobs/list.ts";
import jobsLog from "./v3/jobs/log.ts";
import jobsUpdate from "./v3/jobs/update.ts";
import keysCreate from "./v3/public-keys/create.ts";
import keysDeleteAll from "./v3/public-keys/delete-all.ts";
import keysDelete from "./v3/public-keys/delete.ts";
import keysGet from "./v3/public-keys/get.ts";
import keysList from "./v3/public-keys/list.ts";
import recipesCreate from "./v3/recipes/create.ts";
import recipesDeleteAll from "./v3/recipes/delete-all.ts";
import recipesDelete from "./v3/recipes/delete.ts";
import recipesGetArchive from "./v3/recipes/get-archive.ts";
import recipesGet from "./v3/recipes/get.ts";
import recipesList from "./v3/recipes/list.ts";
import recipesPutArchive from "./v3/recipes/put-archive.ts";
import recipesUpdate from "./v3/recipes/update.ts";
import deletedKeysList from "./v3/deleted/public-keys/list.ts";
import deletedKeysRestoreAll from "./v3/deleted/public-keys/restore-all.ts";
import deletedKeysDeleteAll from "./v3/deleted/public-keys/delete-all.ts";
import deletedKeysGet from "./v3/deleted/public-keys/get.ts";
import deletedKeysRestore from "./v3/deleted/public-keys/restore.ts";
import deletedKeysDelete from "./v3/deleted/public-keys/delete.ts";
import deletedRecipesList from "./v3/deleted/recipes/list.ts";
import deletedRecipesRestoreAll from "./v3/deleted/recipes/restore-all.ts";
import deletedRecipesDeleteAll from "./v3/deleted/recipes/delete-all.ts";
import deletedRecipesGet from "./v3/deleted/recipes/get.ts";
import deletedRecipesRestore from "./v3/deleted/recipes/restore.ts";
import deletedRecipesDelete from "./v3/deleted/recipes/delete.ts";
import deletedImagesList from "./v3/deleted/images/list.ts";
import deletedImagesRestoreAll from "./v3/deleted/images/restore-all.ts";
import deletedImagesDeleteAll from "./v3/deleted/images/delete-all.ts";
import deletedImagesGet from "./v3/deleted/images/get.ts";
import deletedImagesRestore from "./v3/deleted/images/restore.ts";
import deletedImagesDelete from "./v3/deleted/images/delete.ts";
import keys2List from "./v2/public-keys/list.ts";
import keys2Create from "./v2/public-keys/create.ts";
import keys2DeleteAll from "./v2/public-keys/delete-all.ts";
import keys2Get from "./v2/public-keys/get.ts";
import keys2Delete from "./v2/public-keys/delete.ts";
import recipes2List from "./v2/recipes/list.ts";
import recipes2Create from "./v2/recipes/create.ts";
import recipes2DeleteAll from "./v2/recipes/delete-all.ts";
import recipes2Get from "./v2/recipes/get.ts";
import recipes2Update from "./v2/recipes/update.ts";
import recipes2Delete from "./v2/recipes/delete.ts";
import images2List from "./v2/images/list.ts";
import images2Create from "./v2/images/create.ts";
import images2DeleteAll from "./v2/images/delete-all.ts";
import images2Get from "./v2/images/get.ts";
import images2Update from "./v2/images/update.ts";
import images2Delete from "./v2/images/delete.ts";
import jobs2List from "./v2/jobs/list.ts";
import jobs2Create from "./v2/jobs/create.ts";
import jobs2DeleteAll from "./v2/jobs/delete-all.ts";
import jobs2Get from "./v2/jobs/get.ts";
import jobs2Update from "./v2/jobs/update.ts";
import jobs2Delete from "./v2/jobs/delete.ts";
import nodesList from "./v3/remote-build-nodes/list.ts";
import nodesCreate from "./v3/remote-build-nodes/create.ts";
import nodesDeleteAll from "./v3/remote-build-nodes/delete-all.ts";
import nodesStatusAll from "./v3/remote-build-nodes/status-all.ts";
import nodesStatus from "./v3/remote-build-nodes/status.ts";
import nodesGet from "./v3/remote-build-nodes/get.ts";
import nodesDelete from "./v3/remote-build-nodes/delete.ts";
import uploadsList from "./v3/uploads/list.ts";
import uploadsCreate from "./v3/uploads/create.ts";
import uploadsGet from "./v3/uploads/get.ts";
import uploadsAbort from "./v3/uploads/abort.ts";
import uploadsSignParts from "./v3/uploads/sign-parts.ts";
import uploadsListParts from "./v3/uploads/list-parts.ts";
import uploadsComplete from "./v3/uploads/complete.ts";
import version from "./version.ts";

/** Every endpoint there is. A test fails when a file is missing here. */
export const ENDPOINTS: readonly Endpoint[] = [
  keysList,
  keysCreate,
  keysDeleteAll,
  keysGet,
  keysDelete,
  recipesList,
  recipesCreate,
  recipesDeleteAll,
  recipesGet,
  recipesUpdate,
  recipesDelete,
  recipesPutArchive,
  recipesGetArchive,
  imagesList,
  imagesCreate,
  imagesDeleteAll,
  imagesGet,
  imagesUpdate,
  imagesDelete,
  imagesListArtifacts,
  imagesGetArtifact,
  imagesPutArtifact,
  imagesCreateManifest,
  jobsList,
  jobsCreate,
  jobsDeleteAll,
  jobsGet,
  jobsUpdate,
  jobsDelete,
  jobsLog,
  jobsCancel,
  jobsRetry,
  deletedKeysList,
  deletedKeysRestoreAll,
  deletedKeysDeleteAll,
  deletedKeysGet,
  deletedKeysRestore,
  deletedKeysDelete,
  deletedRecipesList,
  deletedRecipesRestoreAll,
  deletedRecipesDeleteAll,
  deletedRecipesGet,
  deletedRecipesRestore,
  deletedRecipesDelete,
  deletedImagesList,
  deletedImagesRestoreAll,
  deletedImagesDeleteAll,
  deletedImagesGet,
  deletedImagesRestore,
  deletedImagesDelete,
  keys2List,
  keys2Create,
  keys2DeleteAll,
  keys2Get,
  keys2Delete,
  recipes2List,
  recipes2Create,
  recipes2DeleteAll,
  recipes2Get,
  recipes2Update,
  recipes2Delete,
  images2List,
  images2Create,
  images2DeleteAll,
  images2Get,
  images2Update,
  images2Delete,
  jobs2List,
  jobs2Create,
  jobs2DeleteAll,
  jobs2Get,
  jobs2Update,
  jobs2Delete,
  nodesList,
  nodesCreate,
  nodesDeleteAll,
  nodesStatusAll,
  nodesStatus,
  nodesGet,
  nodesDelete,
  uploadsList,
  uploadsCreate,
  uploadsGet,
  uploadsAbort,
  uploadsSignParts,
  uploadsListParts,
  uploadsComplete,
  live,
  ready,
  version,
  openapi,
  agentPlan,
  agentReport,
  agentAppendLog,
  agentLogSize,
  agentUploadTarget,
  agentPartUrls,
  agentPartsThere,
  agentCompleteParts,
  agentFinish,
  agentFail,
  signedGet,
  signedPut,
  signedPutPart,
];

/** What agents may call, with the token of their job, and the signed URLs that they are given. */
export const AGENT_ENDPOINTS: readonly Endpoint[] = ENDPOINTS.filter(
  ({ role, tag }) => role === "agent" || tag === "signed",
);
