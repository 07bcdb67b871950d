// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/bpf/act.h"

namespace idtrail::test {
namespace {

constexpr std::uint32_t kTmpfsMagic = 0x01021994;

class MountTest : public ProbeTest {
 protected:
  void TearDown() override { umount2(place_.c_str(), MNT_DETACH); }

  [[nodiscard]] int mount_here() const {
    return mount("volume", place_.c_str(), "tmpfs", 0, nullptr);
  }
  [[nodiscard]] std::uint32_t device() const {
    struct stat status {};
    EXPECT_EQ(stat(place_.c_str(), &status), 0);
    return kernel_device(status.st_dev);
  }

  Folder folder_;
  std::string place_ = [this] {
    std::string place = folder_ / "volume";
    mkdir(place.c_str(), 0755);
    return place;
  }();
};

TEST_F(MountTest, TellsATmpfsThatComesAndGoes) {
  const Acted mounter = in_child([&] { return mount_here(); });
  const std::uint32_t device = this->device();
  const std::uint32_t generation = shared_sensor().volume_generation(device);
  const Acted unmounter = in_child([&] { return umount(place_.c_str()); });
  const Records records = seen();

  const Records come = select(records, EVENT_mount, mounter.tgid);
  ASSERT_EQ(come.size(), 1U);
  expect_header(come[0], EVENT_mount, mounter);
  EXPECT_EQ(come[0].body.size(), sizeof(mount_payload));
  const auto made = come[0].payload<mount_payload>();
  EXPECT_EQ(made.device, device);
  EXPECT_EQ(made.op, MOUNT_NEW);
  EXPECT_EQ(made.magic, kTmpfsMagic);
  EXPECT_EQ(made.generation, generation);
  EXPECT_NE(made.generation, 0U);

  const Records went = select(records, EVENT_mount, unmounter.tgid);
  ASSERT_EQ(went.size(), 1U);
  expect_header(went[0], EVENT_mount, unmounter);
  const auto gone = went[0].payload<mount_payload>();
  EXPECT_EQ(gone.device, device);
  EXPECT_EQ(gone.op, MOUNT_GONE);
  EXPECT_EQ(gone.magic, kTmpfsMagic);
  EXPECT_EQ(gone.generation, 0U);
  EXPECT_EQ(shared_sensor().volume_generation(device), 0U);
}

TEST_F(MountTest, GivesAReusedNumberAnotherGeneration) {
  std::uint32_t devices[2] = {};
  std::uint32_t generations[2] = {};
  for (int i : {0, 1}) {
    in_child([&] { return mount_here(); });
    devices[i] = device();
    generations[i] = shared_sensor().volume_generation(devices[i]);
    in_child([&] { return umount(place_.c_str()); });
  }
  EXPECT_EQ(devices[0], devices[1]) << "this kernel does not reuse at once: the test shows nothing";
  EXPECT_LT(generations[0], generations[1]);
}

TEST_F(MountTest, TellsTheNewMountCallsAlike) {
  const Acted mounter = in_child([&] {
    const long context = syscall(SYS_fsopen, "tmpfs", 0);
    syscall(SYS_fsconfig, context, 6 /* FSCONFIG_CMD_CREATE */, nullptr, nullptr, 0);
    const long detached = syscall(SYS_fsmount, context, 0, 0);
    return syscall(SYS_move_mount, detached, "", AT_FDCWD, place_.c_str(),
                   4 /* from empty path */) == 0
               ? 0
               : 1;
  });
  EXPECT_EQ(mounter.status, 0);
  const Records come = select(seen(), EVENT_mount, mounter.tgid);
  ASSERT_EQ(come.size(), 1U);
  EXPECT_EQ(come[0].payload<mount_payload>().device, device());
}

TEST_F(MountTest, TellsTheEndOnlyWhenTheLastUserIsGone) {
  in_child([&] { return mount_here(); });
  write_file(place_ + "/file", "text");
  const int held = open((place_ + "/file").c_str(), O_RDONLY | O_CLOEXEC);
  drain(shared_sensor());
  in_child([&] { return umount2(place_.c_str(), MNT_DETACH); });
  EXPECT_TRUE(select(seen(), EVENT_mount).empty()) << "a lazy unmount with an open file";
  const Acted closer = in_child([&] { return 0; });  // the child's copy of the descriptor
  close(held);                                       // ours: the agent's own acts make no record
  EXPECT_TRUE(select(seen(), EVENT_mount, closer.tgid).empty());
}

TEST_F(MountTest, IsSilentOnOtherMounts) {
  Tmpfs source(folder_ / "source");
  drain(shared_sensor());
  const std::string from = folder_ / "source";
  in_child([&] { return mount(from.c_str(), place_.c_str(), nullptr, MS_BIND, nullptr); });
  in_child([&] { return umount(place_.c_str()); });
  in_child([&] { return mount("proc", place_.c_str(), "proc", 0, nullptr); });
  in_child([&] { return umount(place_.c_str()); });
  in_child([&] { return mount("volume", "/nowhere", "tmpfs", 0, "size=wrong"); });
  in_child([&] { return unshare(CLONE_NEWNS); });
  EXPECT_TRUE(select(seen(), EVENT_mount).empty());
}

}  // namespace
}  // namespace idtrail::test
