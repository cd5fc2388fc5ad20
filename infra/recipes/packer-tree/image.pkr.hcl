# The smallest packer recipe: a script lays out the image's root. It shows the contract with IMS; to make an image that
# boots, let the script fill the root with debootstrap, dnf --installroot or whatever you have, kernel and initrd in
# boot/. The values come from IMS (ims_*) and from the template_dictionary of the recipe's record (the others).

variable "ims_output" {
  type        = string
  description = "Empty folder; the root goes to image-root/ in it."
}

variable "ims_arch" {
  type = string
}

variable "hostname" {
  type    = string
  default = "packer-tree"
}

source "null" "root" {
  communicator = "none"
}

build {
  sources = ["source.null.root"]

  provisioner "shell-local" {
    environment_vars = ["ROOT=${var.ims_output}/image-root", "HOST=${var.hostname}", "ARCH=${var.ims_arch}"]
    script           = "${path.root}/make-root.sh"
  }
}
