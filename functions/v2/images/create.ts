import third from "../../v3/images/create.ts";
import { ImageV2 } from "../../v3/shapes.ts";
import { alike } from "../second-generation.ts";

/** A new record has no provenance that would have to be left out. */
export default alike(third, "post_v2_image", { returns: ImageV2 });
