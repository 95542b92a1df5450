variable "WHO" {
  default = "bake"
}

target "default" {
  args = { WHO = WHO }
  tags = ["example-web"]
}
