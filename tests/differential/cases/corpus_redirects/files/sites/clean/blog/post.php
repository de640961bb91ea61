clean blog/post.php
